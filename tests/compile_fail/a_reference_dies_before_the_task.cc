// expect: temporary whose address is used as value of local variable 'made' will be destroyed
// errors: 1
// only: clang
// clang's own warning, where it is asked for.
#define EDDY_CHECK_LIFETIMES

#include <string>

#include <eddy/eddy.h>

eddy::task<int> length(const std::string& text) {
  co_await eddy::yield();
  co_return static_cast<int>(text.size());
}

eddy::task<> waits(std::string kept) {
  auto fine = length(kept);
  co_await std::move(fine);
  co_await length("until the end of the expression");
  co_await eddy::spawn(length, kept);
  co_await eddy::with_task_group([](eddy::task_group& group) -> eddy::task<> {
    group.spawn(length, std::string("kept"));
    co_return;
  });
  auto made = length("dies here");
  co_await std::move(made);
}
