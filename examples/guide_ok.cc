// Guide, 12: ok() gives the value, or leaves the task with the error.
#include <eddy/eddy.h>

#include <cstdio>
#include <string>
#include <system_error>

// In a task of a result, the error becomes this task's result: no exception is thrown.
static eddy::task<eddy::result<std::size_t>> size_of_both(std::string one, std::string other) {
  const auto first = co_await eddy::ok(eddy::read_file(one));
  const auto second = co_await eddy::ok(eddy::read_file(other));
  co_return first.size() + second.size();
}

// In any other task it is thrown, as std::system_error.
static eddy::task<> show(std::string one, std::string other) {
  const auto size = co_await eddy::ok(size_of_both(one, other));
  std::printf("%zu bytes\n", size);
}

int main() {
  eddy::run(show("/dev/null", "/dev/null"));
  try {
    eddy::run(show("/dev/null", "/does/not/exist"));
  } catch (const std::system_error& e) {
    std::printf("%s\n", e.code().message().c_str());
  }
}
