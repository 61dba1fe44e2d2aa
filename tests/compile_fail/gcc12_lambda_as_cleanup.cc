// expect: destroys this temporary twice
// only: gcc12
// A cleanup that owns something.
#include <string>

#include <eddy/coro/shield.h>
#include <eddy/coro/sleep.h>

eddy::task<> awaits(std::string text) {
  co_await eddy::finally(eddy::sleep_for(eddy::duration(1)), [text]() -> eddy::task<> { co_return; });
}
