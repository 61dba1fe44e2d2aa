// A library that is loaded while its program runs, and has eddy inside: what a module of Python or a
// web server's is. One function, for callers of any language.
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <eddy/eddy.h>

namespace {

using namespace std::chrono_literals;

eddy::task<int> child(int i) {
  co_await eddy::sleep_for(1ms);
  auto job = [i] { return i; };
  co_return co_await eddy::offload(job);
}

eddy::task<int> work() {
  auto pair = eddy::unix_stream::pair().value();
  auto reading = eddy::spawn(
      [](eddy::unix_stream& from) -> eddy::task<int> {
        char letter = 0;
        co_await eddy::ok(from.read(eddy::mutable_buffer(&letter, 1)));
        co_return letter == 'x' ? 1 : 1000;
      },
      std::ref(pair.first));
  int sum = 0;
  for (int i = 0; i < 10; ++i) sum += co_await eddy::spawn(child, i);
  const char letter = 'x';
  co_await eddy::ok(eddy::write_all(pair.second, eddy::const_buffer(&letter, 1)));
  sum += co_await reading;
  co_return sum;
}

int run_on(eddy::backend_kind kind) {
  eddy::runtime_options options;
  options.backend = kind;
  eddy::runtime runtime(options);
  return eddy::run(runtime, work);
}

}  // namespace

/// 0 where all went well.
extern "C" int run_a_loop() {
  try {
    const int wanted = 45 + 1;
    int wrong = 0;
    wrong += run_on(eddy::backend_kind::epoll) != wanted;
    wrong += run_on(eddy::backend_kind::automatic) != wanted;
    // Made here, run there, ended here.
    eddy::runtime runtime;
    std::thread([&] { wrong += eddy::run(runtime, work) != wanted; }).join();
    return wrong;
  } catch (...) {
    return 1000;
  }
}
