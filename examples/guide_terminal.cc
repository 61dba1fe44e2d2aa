// Guide, 24: terminals. Each key as it is typed, up to q, and the window's size as it changes.
#include <eddy/eddy.h>

#include <cstdio>
#include <functional>

static eddy::task<> show_keys(const eddy::terminal& t) {
  const eddy::raw_mode raw = t.raw().value();  // for as long as this lives
  eddy::pipe_reader in = eddy::standard_input();
  char key = 0;
  while (key != 'q') {
    const auto n = co_await in.read(eddy::mutable_buffer(&key, 1));
    if (!n || *n == 0) co_return;
    std::printf("key %d\r\n", key);
  }
}

static eddy::task<> show_sizes(eddy::terminal& t) {
  for (;;) {
    const auto size = co_await t.resized();
    if (!size) co_return;
    std::printf("%d columns, %d rows\r\n", size->columns, size->rows);
  }
}

static eddy::task<> sit() {
  auto t = eddy::terminal::open(0);
  if (!t) {
    std::printf("no terminal: %s\n", t.error().message().c_str());
    co_return;
  }
  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    group.spawn_background(show_sizes, std::ref(*t));
    co_await show_keys(*t);
  });
}

int main() {
  eddy::run(sit());
}
