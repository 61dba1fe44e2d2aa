// expect: what is begun here must give an eddy::task
// errors: 5
#include <eddy/eddy.h>

int plain(int number);

eddy::task<> begins(eddy::task_group& group, eddy::runtime& other) {
  eddy::spawn(plain, 1);
  eddy::spawn_background([] {});
  group.spawn([] { return eddy::yield(); });
  eddy::run(plain, 2L);
  co_await eddy::run_on(other, plain, 3u);
}
