// A program with a poll(2) loop of its own, and a runtime as one more descriptor in it. Three lines
// tie them together: native_handle() is watched, next_timeout() bounds the sleep, run_nowait() is
// the turn. Nothing else of the host changes.
#include <eddy/eddy.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

/// What poll takes: rounded up, for a host that rounds down spins in the last millisecond. -1: for
/// ever.
static int milliseconds(std::optional<eddy::duration> most) {
  if (!most) return -1;
  const std::int64_t up = std::chrono::ceil<std::chrono::milliseconds>(*most).count();
  return static_cast<int>(std::min<std::int64_t>(up, 3'600'000));
}

// ---- The guest: ordinary tasks, which know nothing of the host

static eddy::task<> answer(eddy::unix_stream stream) {
  std::array<char, 64> buffer;
  for (;;) {
    const std::size_t n = co_await eddy::ok(stream.read(buffer));
    if (n == 0) co_return;
    co_await eddy::ok(eddy::write_all(stream, eddy::const_buffer(buffer.data(), n)));
  }
}

static eddy::task<> guest() {
  auto [near, far] = eddy::unix_stream::pair().value();
  eddy::spawn(answer, std::move(far));
  for (int i = 1; i <= 3; ++i) {
    co_await eddy::sleep_for(40ms);
    const std::string sent = "echo " + std::to_string(i);
    std::string back(sent.size(), ' ');
    co_await eddy::ok(eddy::write_all(near, sent));
    co_await eddy::ok(eddy::read_exactly(near, back));
    std::printf("guest: %s\n", back.c_str());
  }
  const int sum = co_await eddy::offload([] { return 6 * 7; });
  std::printf("guest: %d, from the pool\n", sum);
}

// ---- The host

int main() try {
  int own[2];  // some descriptor of the host's: a device, a window system, another library
  if (::pipe(own)) return 1;
  eddy::runtime rt;
  std::thread device([&] {
    for (int i = 1; i <= 3; ++i) {
      std::this_thread::sleep_for(50ms);
      const char event = static_cast<char>('0' + i);
      if (::write(own[1], &event, 1) != 1) break;
    }
    rt.post([] {
      std::printf("guest: a message from another thread\n");
    });  // wakes the host like anything else
    ::close(own[1]);
  });

  rt.post([] {
    eddy::spawn(guest);
  });  // tasks are spawned on the runtime: it is running in its turns only
  pollfd watched[2] = {{own[0], POLLIN, 0}, {rt.native_handle(), POLLIN, 0}};
  unsigned sleeps = 0;
  bool pending = rt.run_nowait();
  while (pending || watched[0].fd >= 0) {
    ++sleeps;
    if (::poll(watched, 2, milliseconds(rt.next_timeout())) < 0) break;
    if (watched[0].revents) {
      char event;
      if (::read(own[0], &event, 1) == 1) {
        std::printf("host: its own event %c\n", event);
      } else {
        watched[0].fd = -1;  // poll leaves it out
      }
    }
    pending = rt.run_nowait();
  }
  device.join();
  ::close(own[0]);
  std::printf("host: slept %u times\n", sleeps);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "embedding: %s\n", e.what());
  return 1;
}
