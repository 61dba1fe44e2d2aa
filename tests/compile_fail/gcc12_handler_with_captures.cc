// expect: bug 99576
// only: gcc12
#include <eddy/io/serve.h>
#include <eddy/io/tcp.h>

#include <string>
#include <tuple>

eddy::task<> f(eddy::tcp_listener& listener) {
  std::string greeting;
  std::ignore = co_await eddy::serve(
      listener, [greeting](eddy::tcp_stream) -> eddy::task<> { co_return; });
}
