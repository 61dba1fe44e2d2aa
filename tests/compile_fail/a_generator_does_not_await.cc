// expect: eddy::generator is synchronous: what awaits is an eddy::async_generator
#include <eddy/coro/generator.h>
#include <eddy/coro/yield.h>

eddy::generator<int> numbers() {
  co_yield 1;
  co_await eddy::yield();
  co_yield 2;
}
