// expect: this cannot be called with these arguments
// errors: 5
#include <string>

#include <eddy/eddy.h>

eddy::task<> greet(std::string name);

eddy::task<> begins(eddy::task_group& group, eddy::runtime& other) {
  auto handle_of = eddy::spawn(greet, 1, 2);
  co_await handle_of;
  const auto sum = co_await group.spawn(greet);
  static_cast<void>(sum);
  const int number = eddy::run(greet, 3L, 4);
  co_await eddy::run_on(other, greet, number);
  static_cast<void>(co_await eddy::offload(greet, 1));
}
