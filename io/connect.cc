// Connecting by name: the race of a host's addresses (connect.h).
#include <eddy/io/connect.h>

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <eddy/coro/event.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/yield.h>
#include <eddy/io/resolve.h>

namespace eddy {

namespace {

constexpr duration attempt_delay = std::chrono::milliseconds(250);

/// Families in turn, beginning with that of the first; in each the order that was given.
std::vector<socket_address> in_turn(const std::vector<socket_address>& all) {
  std::vector<socket_address> of[2];
  for (const socket_address& a : all) of[a.family() != all.front().family()].push_back(a);
  std::vector<socket_address> mixed;
  for (std::size_t i = 0; i < std::max(of[0].size(), of[1].size()); ++i) {
    for (const auto& family : of) {
      if (i < family.size()) mixed.push_back(family[i]);
    }
  }
  return mixed;
}

class race {
 public:
  race(std::vector<socket_address> addresses, const std::optional<socket_address>& from)
      : addresses_(std::move(addresses)), from_(from), ends_(addresses_.size()) {}

  /// Ends when one has won, or all have failed.
  task<void> run(task_group& group) {
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      const std::size_t failed = failed_;
      const bool is_last = i + 1 == addresses_.size();
      const time_point next = now() + attempt_delay;
      group.spawn(std::mem_fn(&race::attempt), this, i);
      while (!won_ && (is_last ? failed_ <= i : failed_ == failed)) {
        something_ended_.reset();
        const result<void> ended =
            co_await with_deadline(is_last ? time_point::max() : next, something_ended_.wait());
        if (!ended) break;
      }
      if (won_) break;
    }
    co_await immediate();  // others of the same poll phase: the earliest of them is taken
    group.cancel();
  }

  result<tcp_stream> outcome() {
    for (auto& end : ends_) {
      if (end && *end) return *std::move(*end);
    }
    return failure();
  }

 private:
  /// That this machine has no way to the addresses of one family is told only where that is all.
  std::error_code failure() const {
    const std::error_code first = ends_.front()->error();
    for (std::size_t i = 0; is_no_way(first) && i < ends_.size(); ++i) {
      const std::error_code error = ends_[i]->error();
      if (is_no_way(error)) continue;
      if (addresses_[i].family() == addresses_.front().family()) break;
      return error;
    }
    return first;
  }
  static bool is_no_way(std::error_code e) noexcept {
    return e == std::errc::network_unreachable || e == std::errc::address_not_available ||
           e == std::errc::address_family_not_supported;
  }

  task<void> attempt(std::size_t i) {
    const connect_options options{from_ ? &*from_ : nullptr, duration::zero()};
    result<tcp_stream> end = co_await tcp_stream::connect(addresses_[i], options);
    won_ = won_ || end;
    failed_ += !end;
    ends_[i].emplace(std::move(end));
    something_ended_.set();
  }

  std::vector<socket_address> addresses_;
  const std::optional<socket_address>& from_;
  std::vector<std::optional<result<tcp_stream>>> ends_;
  bool won_ = false;
  std::size_t failed_ = 0;
  event something_ended_;
};

/// Only addresses of its family can be reached from it.
address_family family_of(const std::optional<socket_address>& from) noexcept {
  if (!from) return address_family::any;
  return from->family() == AF_INET6 ? address_family::v6 : address_family::v4;
}

task<result<tcp_stream>> connect_by_name(std::string host, std::uint16_t port,
                                         std::optional<socket_address> from) {
  const result<std::vector<socket_address>> addresses =
      co_await resolve(std::move(host), port, family_of(from));
  if (!addresses) co_return addresses.error();
  if (addresses->size() == 1) {
    const connect_options options{from ? &*from : nullptr, duration::zero()};
    co_return co_await tcp_stream::connect(addresses->front(), options);
  }
  race all(in_turn(*addresses), from);
  auto body = [&all](task_group& group) { return all.run(group); };
  co_await with_task_group(body);
  co_return all.outcome();
}

task<result<tcp_stream>> within(duration timeout, task<result<tcp_stream>> connecting) {
  co_return co_await with_timeout(timeout, std::move(connecting));
}

}  // namespace

task<result<tcp_stream>> connect(std::string host, std::uint16_t port,
                                 const connect_options& options) {
  auto connecting = connect_by_name(std::move(host), port,
                                    options.local ? std::optional(*options.local) : std::nullopt);
  if (options.timeout <= duration::zero()) return connecting;
  return within(options.timeout, std::move(connecting));
}

}  // namespace eddy
