// expect: this cannot be called with these arguments
// errors: 6
#include <string>

#include <eddy/eddy.h>

eddy::task<> greet(std::string name);
eddy::task<> handle(eddy::tcp_stream& connection, std::string name, int more);

eddy::task<> begins(eddy::task_group& group, eddy::runtime& other, eddy::tcp_listener& listener) {
  auto handle_of = eddy::spawn(greet, 1, 2);
  co_await handle_of;
  const auto sum = co_await group.spawn(greet);
  static_cast<void>(sum);
  const int number = eddy::run(greet, 3L, 4);
  co_await eddy::run_on(other, greet, number);
  static_cast<void>(co_await eddy::offload(greet, 1));
  static_cast<void>(co_await eddy::serve(listener, handle));
}
