// Row 13: runtime::post, to a loop that a guard keeps asleep, or that an idle hook keeps busy.
#include "bench/post.h"
#include "bench/rows/backend.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  rows.measure(bench::post_sleeping, bench::sleeping_posts, [&](long n) {
    bench::answer answer;
    eddy::pending_guard guard = runtime.guard();
    bench::unpin_thread();
    std::thread poster([&] {
      bench::pin_thread(1);
      for (long i = 0; i < n; ++i) {
        runtime.post([&answer] { answer.set(); });
        answer.wait();
      }
      guard = {};
    });
    bench::pin_thread(0);
    runtime.run();
    poster.join();
  });
  rows.measure(bench::post_busy, bench::busy_posts, [&](long n) {
    bench::window window;
    eddy::pending_guard guard = runtime.guard();
    bench::unpin_thread();
    std::thread poster([&] {
      bench::pin_thread(1);
      for (long i = 0; i < n; ++i) {
        window.wait_for_room(i);
        runtime.post([&window] { window.ran(); });
      }
    });
    bench::pin_thread(0);
    const eddy::hook busy = runtime.add_hook(eddy::phase::idle, [&] {
      if (window.done() == n) guard = {};
    });
    runtime.run();
    poster.join();
  });
}
