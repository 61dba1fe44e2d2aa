// Row 13 in Asio.
#define ASIO_STANDALONE
#include <asio.hpp>

#include "bench/post.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure(bench::post_sleeping, bench::sleeping_posts, [&](long n) {
    asio::io_context context;
    auto guard = asio::make_work_guard(context);
    bench::answer answer;
    bench::unpin_thread();
    std::thread poster([&] {
      bench::pin_thread(1);
      for (long i = 0; i < n; ++i) {
        asio::post(context, [&answer] { answer.set(); });
        answer.wait();
      }
      guard.reset();
    });
    bench::pin_thread(0);
    context.run();
    poster.join();
  });
  rows.measure(bench::post_busy, bench::busy_posts / 4, [&](long n) {
    asio::io_context context;
    bench::window window;
    bench::unpin_thread();
    std::thread poster([&] {
      bench::pin_thread(1);
      for (long i = 0; i < n; ++i) {
        window.wait_for_room(i);
        asio::post(context, [&window] { window.ran(); });
      }
    });
    bench::pin_thread(0);
    auto guard = asio::make_work_guard(context);
    while (window.done() < n) context.poll();
    poster.join();
  });
}
