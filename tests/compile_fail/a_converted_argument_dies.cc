// expect: an argument is converted for a parameter that only refers to it
// errors: 12
// What an argument is converted into dies when the call returns, and the task has only begun.
#include <functional>
#include <string>
#include <string_view>

#include <eddy/eddy.h>

eddy::task<> greet(const std::string& name);
eddy::task<> greet_often(int times, std::string&& name) noexcept;
eddy::task<> measure(const long& size, const std::string_view& name);
eddy::task<> handle(eddy::tcp_stream connection, const std::string& greeting);
const std::string& same(const std::string& text);
struct greeter {
  eddy::task<> greet(const std::string& name) const;
  eddy::task<> operator()(const std::string& name) noexcept;
};

eddy::task<> begins(eddy::task_group& group, eddy::runtime& other, eddy::tcp_listener& listener) {
  eddy::spawn(greet, "literal");
  eddy::spawn_background(greet_often, 3, "literal");
  eddy::spawn(&greeter::greet, greeter(), "literal");
  eddy::spawn(greeter(), "literal");
  eddy::spawn(
      [](const long& number) -> eddy::task<> {
        co_await eddy::yield();
        static_cast<void>(number);
      },
      1);
  eddy::spawn(std::function<eddy::task<>(const std::string&)>(greet), "literal");
  group.spawn(measure, 3, "literal");
  eddy::run(std::ref(greet), "x");
  greeter named;
  eddy::run(other, std::ref(named), "literal");
  co_await eddy::run_on(other, greet, "a longer literal");
  static_cast<void>(co_await eddy::serve(listener, handle, "literal"));
  // A function on the pool has ended when its call returns; what it refers to then has gone.
  static_cast<void>(co_await eddy::offload(same, "literal"));
}
