// expect: destroys an aggregate twice
// only: gcc12
// As for channel.
#include <string>

#include <eddy/coro/deferred.h>

struct message {
  int number;
  std::string text;
};

void makes() { eddy::deferred<message> c; }
