// Guide, 15: other threads reach a loop by post(); a guard holds it for what they announced.
#include <eddy/eddy.h>

#include <cstdio>
#include <thread>

static eddy::task<> ask_a_thread() {
  eddy::runtime& rt = eddy::runtime::current();
  eddy::deferred<int> answer;
  std::thread thinker([&rt, &answer, guard = rt.guard()] {
    int number = 6 * 7;                                  // on the other thread
    rt.post([&answer, number] { answer.set(number); });  // runs on the loop's
  });
  const int number = co_await answer.wait();
  std::printf("%d\n", number);
  thinker.join();
}

int main() {
  eddy::run(ask_a_thread());
}
