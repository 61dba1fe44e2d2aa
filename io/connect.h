// connect(): a TCP connection to a host by its name.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>
#include <string>

#include <eddy/coro/task.h>
#include <eddy/io/tcp.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// Looks the host up (resolve()) and connects to whichever of its addresses answers first: IPv6 and
/// IPv4 in turn, one attempt every 250 ms, or as soon as one has failed. An earlier attempt goes on
/// until one of them has won; the others are closed (RFC 8305).
///
/// Result      the stream
/// Errors      resolve's; where every attempt has failed, the error of the first address (of the
///             other family's first, where this machine has no way to any of that one's);
///             errc::timed_out: options.timeout, which counts for all of it
/// Cancel      stops the task, and every socket is closed
/// Lifetime    nothing is referred to
task<result<tcp_stream>> connect(std::string host, std::uint16_t port,
                                 const connect_options& options = {});

}  // namespace eddy
