// expect: destroys an aggregate twice
// only: gcc12
// Its calls take one by value: `co_await c.send({1, "x"})`.
#include <string>

#include <eddy/coro/channel.h>

struct message {
  int number;
  std::string text;
};

void makes() { eddy::channel<message> c(1); }
