// Names of hosts: resolve() and name_of(). To connect by name: <eddy/io/connect.h>.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>
#include <string>
#include <vector>

#include <eddy/coro/task.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/result.h>

namespace eddy {

enum class address_family : std::uint8_t { any, v4, v6 };

/// The addresses of a host, in the order in which the system's resolver gives them (which is the
/// order in which they are to be tried), each with `port`. What is an address already ("127.0.0.1",
/// "::1", "fe80::1%eth0") is not looked up, and starts no thread; nothing else that some programs
/// read as one ("1.2", "0x7f.1") is. Nothing is kept: how long an answer holds is the system's
/// business.
///
/// Result      one address or more
/// Errors      errc::host_not_found: nothing has that name, or nothing could (254 bytes and more,
///             an empty label, a '\0'); errc::name_try_again: no name server has answered;
///             errc::name_server_failed; not_enough_memory and what else the system says
/// Cancel      stops the task at once. The system's look-up cannot be ended: it goes on in its
///             lane, and holds up the end of the run until the resolver gives up
/// Lifetime    host is kept in the task
/// Cost        a look-up of the same name that is under way in this runtime is shared
task<result<std::vector<socket_address>>> resolve(std::string host, std::uint16_t port,
                                                  address_family family = address_family::any);

/// The name of the host that has an IPv4 or IPv6 address.
///
/// Result      the name
/// Errors      errc::host_not_found: it has none; else as resolve's. address_family_not_supported
/// Cancel      as resolve's
/// Lifetime    nothing is referred to
task<result<std::string>> name_of(socket_address address);

}  // namespace eddy
