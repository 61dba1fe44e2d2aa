// Guide, 5: a channel hands elements over in order; a full one makes the sender wait.
#include <eddy/eddy.h>

#include <cstdio>
#include <functional>

static eddy::task<> count_to(int last, eddy::channel<int>& numbers) {
  for (int i = 1; i <= last; ++i) {
    const auto sent = co_await numbers.send(i);
    if (!sent) co_return;  // closed: nobody receives any more
  }
  numbers.close();
}

static eddy::task<> add_up() {
  eddy::channel<int> numbers(4);
  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    group.spawn(count_to, 100, std::ref(numbers));
    int sum = 0;
    for (;;) {
      const auto number = co_await numbers.receive();
      if (!number) break;  // closed, and empty
      sum += *number;
    }
    std::printf("%d\n", sum);  // 5050
  });
}

int main() {
  eddy::run(add_up());
}
