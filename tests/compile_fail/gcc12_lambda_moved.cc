// expect: destroys this temporary twice
// only: gcc12
// A lambda that was named and is moved: harmless, but its type does not say so.
#include <string>

#include <eddy/coro/offload.h>

eddy::task<std::size_t> awaits(std::string text) {
  auto size = [text] { return text.size(); };
  co_return co_await eddy::offload(std::move(size));
}
