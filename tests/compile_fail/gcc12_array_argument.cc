// expect: destroys this temporary twice
// only: gcc12
// std::array is an aggregate.
#include <array>
#include <string>

#include <eddy/coro/offload.h>

static std::size_t size(const std::array<std::string, 2>& a) { return a[0].size(); }

eddy::task<std::size_t> awaits() { co_return co_await eddy::offload(size, std::array<std::string, 2>{"a", "b"}); }
