// expect: an awaitable is spawned once, as an rvalue: std::move(it)
// errors: 3
#include <eddy/eddy.h>

void begins(eddy::task_group& group, eddy::task<>& one, eddy::task<int>& other,
            eddy::join_handle<int>& third) {
  eddy::spawn(one);
  group.spawn(other);
  eddy::spawn_background(third);
}
