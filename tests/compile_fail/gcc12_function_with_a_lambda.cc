// expect: destroys this temporary twice
// only: gcc12
// The lambda inside stands there as well.
#include <functional>
#include <string>

#include <eddy/coro/offload.h>

eddy::task<std::size_t> awaits(std::string text) {
  co_return co_await eddy::offload(std::function<std::size_t()>([text] { return text.size(); }));
}
