// Sockets that a service manager has opened, and passes to the program that it starts.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <string>
#include <vector>

#include <eddy/runtime/result.h>

namespace eddy {

/// One of them: as a rule a socket that listens, for tcp_listener::adopt, unix_listener::adopt,
/// udp_socket::adopt or unix_datagram::adopt.
struct inherited_listener {
  std::string name;     ///< as the manager calls it; "unknown" where it does not say
  int descriptor = -1;  ///< close-on-exec; the caller's, to adopt or to close
};

/// What was passed to this process (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES), in its order; nothing
/// where nothing was, or to another process. The variables are taken away, so that programs which
/// this one starts do not believe that they are meant: asked again, there is nothing. (Changing the
/// environment, it belongs at the beginning of main, before there are other threads.)
///
/// Errors    invalid_argument: LISTEN_FDS is no number; bad_file_descriptor: one of them is not open
result<std::vector<inherited_listener>> inherited_listeners();

}  // namespace eddy
