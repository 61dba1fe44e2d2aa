// expect: destroys this temporary twice
// only: gcc12
// A lambda that owns something, as a temporary beside a co_await.
#include <string>

#include <eddy/coro/offload.h>

eddy::task<std::size_t> awaits(std::string text) {
  co_return co_await eddy::offload([text] { return text.size(); });
}
