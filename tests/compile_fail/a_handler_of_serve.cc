// expect: arguments are kept by value
#include <eddy/io/serve.h>
#include <eddy/io/tcp.h>

eddy::task<> handler(eddy::tcp_stream stream, int& count);

auto f(eddy::tcp_listener& listener, int& count) {
  return eddy::serve(listener, handler, count);  // (a copy of count is no int&: std::ref)
}
