// expect: nodiscard
// A sleep that nobody awaits takes no time.
#include <eddy/coro/sleep.h>

eddy::task<> forgets() {
  eddy::sleep_for(eddy::duration(1));
  co_return;
}
