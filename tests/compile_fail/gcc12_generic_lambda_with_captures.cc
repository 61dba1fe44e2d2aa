// expect: destroys this temporary twice
// only: gcc12
// The same with a call operator that is a template.
#include <string>

#include <eddy/coro/offload.h>

eddy::task<std::size_t> awaits(std::string text) {
  co_return co_await eddy::offload([text](auto n) { return text.size() + n; }, std::size_t{1});
}
