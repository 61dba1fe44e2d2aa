// expect: pass std::ref(x) for what is taken by reference
// errors: 7
// The usual one: a forgotten std::ref.
#include <string>

#include <eddy/eddy.h>

eddy::task<> count_to(int last, eddy::channel<int>& numbers);
eddy::task<> append(std::string& text);
eddy::task<> use(eddy::tcp_stream stream);
eddy::task<> handle(eddy::tcp_stream connection, std::string& log);
int length(std::string& text);

eddy::task<> begins(eddy::task_group& group, eddy::runtime& other, eddy::tcp_listener& listener,
                    eddy::channel<int>& numbers, std::string& text, eddy::tcp_stream& stream) {
  eddy::spawn(count_to, 1, numbers);
  eddy::spawn_background(append, text);
  group.spawn(use, stream);
  eddy::run(append, std::string());
  co_await eddy::run_on(other, append, static_cast<const std::string&>(text));
  static_cast<void>(co_await eddy::offload(length, text));
  static_cast<void>(co_await eddy::serve(listener, handle, text));
}
