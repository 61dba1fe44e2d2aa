// Look-ups of names (resolve.h). One that is under way is shared by all that ask for the same, and
// goes on in a background task of its own: so whoever waits may leave at once.
#include <eddy/io/resolve.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <coroutine>
#include <cstring>
#include <memory>
#include <source_location>
#include <utility>

#include <eddy/coro/spawn.h>
#include <eddy/io/detail/descriptor.h>

#include "runtime/name_query.h"

namespace eddy {

/// One look-up, from its beginning until all that waited for it have its answer.
struct detail::look_up : std::enable_shared_from_this<look_up> {
  explicit look_up(name_query q) : query(std::move(q)) {}

  name_query query;
  std::error_code error = from_errno(ECANCELED);
  bool is_done = false;
  work_list<> waiting;
  look_up* next = nullptr;
};

namespace {

using namespace detail;

/// Waits for the end of a look-up: pending like an operation, but free to leave.
class look_up_wait : linked_work, public awaiter_tag {
 public:
  explicit look_up_wait(look_up& on) noexcept : on_(on) {}
  bool await_ready() const noexcept { return on_.is_done && may_take(); }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!enter(*this, h.promise(), wait, where)) return;
    if (on_.is_done) return make_ready(*this);
    on_.waiting.push(*this);
    current_loop->foreign_started(wait_in_background(this));
  }
  void await_resume() const noexcept {}

  static void wake_all(look_up& l) noexcept {
    while (linked_work* w = l.waiting.pop()) {
      current_loop->foreign_ended(wait_in_background(w));
      make_ready(*w);
    }
  }

 private:
  static void cancel(work& w, ask_list& asked) noexcept {
    if (static_cast<linked_work&>(w).is_linked())
      current_loop->foreign_ended(wait_in_background(&w));
    cancel_even_ready(w, asked);
  }
  static constexpr wait_type wait{wait_work, "resolve", &cancel, nullptr};
  look_up& on_;
};

class [[nodiscard]] end_of {
 public:
  explicit end_of(look_up& l) noexcept : on_(l) {}
  look_up_wait operator co_await() const noexcept { return look_up_wait(on_); }

 private:
  look_up& on_;
};

/// What carries out a look-up. When it goes, in whatever way, nobody waits any more.
class carrier {
 public:
  explicit carrier(std::shared_ptr<look_up> l) noexcept : what_(std::move(l)) {}
  carrier(carrier&&) noexcept = default;
  ~carrier() {
    if (!what_) return;
    for (look_up** l = &current_loop->look_ups; *l; l = &(*l)->next) {
      if (*l != what_.get()) continue;
      *l = what_->next;
      break;
    }
    what_->is_done = true;
    look_up_wait::wake_all(*what_);
  }
  look_up& operator*() const noexcept { return *what_; }

 private:
  std::shared_ptr<look_up> what_;
};

constexpr io_kind look_up_kind = make_io_kind("resolve", io_slot::shared, false);

request asking(name_query& q) noexcept {
  request r;
  r.what = verb::look_up;
  r.lane = pool_lane::lookup;
  r.address = address_of(&q);
  return r;
}

task<void> carry_out(carrier c) {
  look_up& l = *c;
  const result<void> asked =
      co_await awaited_once<io_awaiter<void>>(nullptr, look_up_kind, asking(l.query));
  l.error = asked.error();
}

bool asks_the_same(const name_query& a, const name_query& b) noexcept {
  return a.host == b.host && a.family == b.family && a.address.size == b.address.size &&
         a.address.bytes == b.address.bytes;
}

/// The look-up of this, which may be under way already.
std::shared_ptr<look_up> begin_look_up(name_query q) {
  for (look_up* l = current_loop->look_ups; l; l = l->next) {
    if (asks_the_same(l->query, q)) return l->shared_from_this();
  }
  auto made = std::make_shared<look_up>(std::move(q));
  made->next = std::exchange(current_loop->look_ups, made.get());
  spawn_background(carry_out, carrier(made));
  return made;
}

/// Why there is no answer; no error where there is one.
std::error_code refusal(const look_up& l) noexcept {
  if (l.error) return l.error;
  switch (l.query.failed) {
    case name_query::failure::none:
      return {};
    case name_query::failure::not_found:
      return errc::host_not_found;
    case name_query::failure::try_again:
      return errc::name_try_again;
    case name_query::failure::server_failed:
      break;
  }
  return errc::name_server_failed;
}

/// May a resolver be asked for it? Not for what no name server can have, nor for what the system
/// would read as an address that we do not.
bool may_be_name(const std::string& host) noexcept {
  constexpr std::size_t most = 253, most_in_label = 63;
  std::string_view rest = host;
  if (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  if (rest.empty() || rest.size() > most || rest.find('\0') != rest.npos ||
      rest.find(':') != rest.npos)
    return false;
  for (std::size_t begin = 0, end = 0; end != rest.npos; begin = end + 1) {
    end = rest.find('.', begin);
    const std::size_t length = (end == rest.npos ? rest.size() : end) - begin;
    if (length == 0 || length > most_in_label) return false;
  }
  in_addr read_otherwise{};
  return !::inet_aton(host.c_str(), &read_otherwise);
}

int native_family(address_family f) noexcept {
  switch (f) {
    case address_family::v4:
      return AF_INET;
    case address_family::v6:
      return AF_INET6;
    case address_family::any:
      break;
  }
  return AF_UNSPEC;
}

socket_address with_port(const native_address& native, std::uint16_t port) noexcept {
  sockaddr_storage raw{};
  std::memcpy(&raw, native.bytes.data(), native.size);
  // (Both have it at the same place.)
  reinterpret_cast<sockaddr_in&>(raw).sin_port = htons(port);
  auto made = socket_address::from_native(&raw, native.size);
  return made ? *made : socket_address();
}

}  // namespace

task<result<std::vector<socket_address>>> resolve(std::string host, std::uint16_t port,
                                                  address_family family) {
  const int native = native_family(family);
  if (const auto numeric = numeric_address(host, port)) {
    if (native != AF_UNSPEC && native != numeric->family()) co_return errc::host_not_found;
    co_return std::vector<socket_address>(1, *numeric);
  }
  if (!may_be_name(host)) co_return errc::host_not_found;
  name_query asked;
  asked.host = std::move(host);
  asked.family = native;
  const std::shared_ptr<look_up> looked_up = begin_look_up(std::move(asked));
  co_await end_of(*looked_up);
  if (const std::error_code error = refusal(*looked_up)) co_return error;
  std::vector<socket_address> all;
  for (const native_address& one : looked_up->query.addresses) all.push_back(with_port(one, port));
  co_return all;
}

task<result<std::string>> name_of(socket_address address) {
  if (address.family() != AF_INET && address.family() != AF_INET6)
    co_return from_errno(EAFNOSUPPORT);
  name_query asked;
  asked.address.size = address.size();
  std::memcpy(asked.address.bytes.data(), address.data(), address.size());
  const std::shared_ptr<look_up> looked_up = begin_look_up(std::move(asked));
  co_await end_of(*looked_up);
  if (const std::error_code error = refusal(*looked_up)) co_return error;
  co_return looked_up->query.name;
}

}  // namespace eddy
