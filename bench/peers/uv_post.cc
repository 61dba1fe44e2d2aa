// Row 13 in libuv: uv_async_send, which carries nothing and joins what comes together. So only the
// sleeping loop has a row.
#include <uv.h>

#include "bench/post.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure(bench::post_sleeping, bench::sleeping_posts, [&](long n) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    bench::answer answer;
    uv_async_t async;
    async.data = &answer;
    uv_async_init(&loop, &async,
                  [](uv_async_t* handle) { static_cast<bench::answer*>(handle->data)->set(); });
    std::atomic<bool> ended{false};
    uv_check_t check;
    struct context {
      std::atomic<bool>* ended;
      uv_async_t* async;
    } both{&ended, &async};
    uv_check_init(&loop, &check);
    check.data = &both;
    uv_check_start(&check, [](uv_check_t* handle) {
      auto& c = *static_cast<context*>(handle->data);
      if (!c.ended->load(std::memory_order_acquire)) return;
      uv_close(reinterpret_cast<uv_handle_t*>(c.async), nullptr);
      uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
    });
    bench::unpin_thread();
    std::thread poster([&] {
      bench::pin_thread(1);
      for (long i = 0; i < n; ++i) {
        uv_async_send(&async);
        answer.wait();
      }
      ended.store(true, std::memory_order_release);
      uv_async_send(&async);
    });
    bench::pin_thread(0);
    uv_run(&loop, UV_RUN_DEFAULT);
    poster.join();
    uv_loop_close(&loop);
  });
}
