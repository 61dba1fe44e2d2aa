// expect: nodiscard
// An error that nobody looks at.
#include <eddy/runtime/result.h>

static eddy::result<void> close_it() { return {}; }

int main() { close_it(); }
