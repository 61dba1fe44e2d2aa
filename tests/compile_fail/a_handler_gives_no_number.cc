// expect: serve: the handler is a function (stream, args...) that gives task<void> or task<result<void>>
#include <eddy/io/serve.h>
#include <eddy/io/tcp.h>

eddy::task<int> handler(eddy::tcp_stream stream);

auto f(eddy::tcp_listener& listener) {
  return eddy::serve(listener, {.keep_going = true}, handler);
}
