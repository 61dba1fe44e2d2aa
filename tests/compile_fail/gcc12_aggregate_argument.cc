// expect: destroys this temporary twice
// only: gcc12
// An aggregate that owns something, as an argument.
#include <string>

#include <eddy/coro/offload.h>

struct message {
  int number;
  std::string text;
};
static std::size_t size(const message& m) { return m.text.size(); }

eddy::task<std::size_t> awaits() { co_return co_await eddy::offload(size, message{1, "x"}); }
