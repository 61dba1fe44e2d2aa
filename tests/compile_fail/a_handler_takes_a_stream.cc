// expect: serve: the handler is a function (stream, args...) that gives task<void> or task<result<void>>
#include <eddy/io/serve.h>
#include <eddy/io/tcp.h>

#include <tuple>

eddy::task<> handler(int number);

eddy::task<> f(eddy::tcp_listener& listener) {
  std::ignore = co_await eddy::serve(listener, handler);
}
