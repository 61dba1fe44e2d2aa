// Terminals (terminal.h).
#include <eddy/io/terminal.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <system_error>

#include <eddy/io/detail/descriptor.h>

namespace eddy {

namespace {

using namespace detail;

request of_terminal(verb what, int number) noexcept {
  request r;
  r.what = what;
  r.descriptor = number;
  return r;
}

/// What verb::terminal_size answers.
int ask_size(int number, terminal_size& size) noexcept {
  winsize is{};
  request r = of_terminal(verb::terminal_size, number);
  r.address = address_of(&is);
  const int answer = ask_here(r);
  size.columns = is.ws_col;
  size.rows = is.ws_row;
  return answer;
}

}  // namespace

// ---- Raw mode ----

void raw_mode::end() noexcept {
  if (raw_ > 0) static_cast<void>(ask_here(of_terminal(verb::end_raw, raw_)));
}

result<raw_mode> terminal::raw() const noexcept {
  const int answer = ask_here(of_terminal(verb::begin_raw, number_));
  if (answer < 0) return from_errno(-answer);
  return raw_mode(answer);
}

// ---- The terminal ----

result<terminal> terminal::make(int number, bool owned) noexcept {
  terminal_size size;
  const int answer = ask_size(number, size);
  if (answer >= 0) return terminal(number, owned, size);
  if (owned) close_here(number);
  return from_errno(-answer);
}

result<terminal> terminal::open(int descriptor) noexcept {
  return make(descriptor, false);
}

result<terminal> terminal::controlling() noexcept {
  request r;
  r.what = verb::open;
  r.address = address_of("/dev/tty");
  r.options = O_RDWR | O_NOCTTY;
  const int number = ask_here(r);
  if (number < 0) return from_errno(-number);
  return make(number, true);
}

terminal::terminal(terminal&& other) noexcept
    : number_(std::exchange(other.number_, -1)),
      owned_(std::exchange(other.owned_, false)),
      told_(other.told_),
      signals_(std::move(other.signals_)) {
  other.signals_.reset();
}

terminal& terminal::operator=(terminal&& other) noexcept {
  if (this != &other) {
    if (owned_) close_here(number_);
    number_ = std::exchange(other.number_, -1);
    owned_ = std::exchange(other.owned_, false);
    told_ = other.told_;
    signals_ = std::move(other.signals_);
    other.signals_.reset();
  }
  return *this;
}

terminal::~terminal() {
  if (owned_) close_here(number_);
}

result<terminal_size> terminal::size() const noexcept {
  terminal_size size;
  const int answer = ask_size(number_, size);
  if (answer < 0) return from_errno(-answer);
  return size;
}

/// (SIGCONT: in the background nobody is told.)
task<result<terminal_size>> terminal::resized() {
  try {
    if (!signals_) signals_.emplace({SIGWINCH, SIGCONT});
  } catch (const std::system_error& e) {
    co_return e.code();
  }
  for (;;) {
    terminal_size size;
    const int answer = ask_size(number_, size);
    if (answer < 0) co_return from_errno(-answer);
    if (answer == 0) co_return from_errno(ENOTTY);
    if (size != told_) {
      told_ = size;
      co_return size;
    }
    co_await signals_->next();
  }
}

}  // namespace eddy
