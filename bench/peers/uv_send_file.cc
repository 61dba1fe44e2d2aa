// Row 19 in libuv: uv_fs_sendfile, which runs on its pool, to a socket that blocks.
#include <uv.h>

#include "bench/send_file.h"

namespace {

struct state {
  uv_fs_t request;
  int socket = -1;
  int file = -1;
  std::uint64_t at = 0;
  long left = 0;
};

void begin(state& s) {
  s.request.data = &s;
  uv_fs_sendfile(uv_default_loop(), &s.request, s.socket, s.file, static_cast<std::int64_t>(s.at),
                 bench::sent_size - s.at, [](uv_fs_t* request) {
                   state& ended = *static_cast<state*>(request->data);
                   bench::check(request->result > 0, "uv_fs_sendfile");
                   ended.at += static_cast<std::uint64_t>(request->result);
                   uv_fs_req_cleanup(request);
                   if (ended.at == bench::sent_size) {
                     ended.at = 0;
                     if (--ended.left == 0) return;
                   }
                   begin(ended);
                 });
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  bench::measure_send_file(rows, [](int socket, const bench::cached_file& file, long n) {
    state s;
    s.socket = socket;
    s.file = file.descriptor();
    s.left = n;
    begin(s);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  });
}
