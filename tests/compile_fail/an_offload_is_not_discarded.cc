// expect: nodiscard
// What nobody awaits is never handed to the pool.
#include <eddy/coro/offload.h>

eddy::task<> forgets() {
  eddy::offload([] { return 1; });
  co_return;
}
