// Asks PostgreSQL by libpq's asynchronous calls, over a small pool of connections:
// postgres CONNECTION-STRING
// libpq owns its sockets, and says what it waits for; eddy waits for that.
#include <libpq-fe.h>

#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

struct closes {
  void operator()(PGconn* c) const { PQfinish(c); }
  void operator()(PGresult* r) const { PQclear(r); }
};
using connection = std::unique_ptr<PGconn, closes>;
using answer = std::unique_ptr<PGresult, closes>;
using strings = std::vector<std::string>;

static eddy::task<connection> connect(std::string where) {
  connection c(PQconnectStart(where.c_str()));
  if (!c) throw std::bad_alloc();
  auto next = PQstatus(c.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) throw std::runtime_error(PQerrorMessage(c.get()));
    // (The socket may be another one after each call: a host can have several addresses.)
    const int socket = PQsocket(c.get());
    auto wait = next == PGRES_POLLING_READING ? eddy::readable(socket) : eddy::writable(socket);
    co_await eddy::ok(std::move(wait));
    next = PQconnectPoll(c.get());
  }
  PQsetnonblocking(c.get(), 1);
  co_return c;
}

/// Takes what has come; it never waits.
static void take(PGconn* c) {
  if (!PQconsumeInput(c)) throw std::runtime_error(PQerrorMessage(c));
}

/// Asks, and gives the last of the answers.
static eddy::task<answer> ask(PGconn* c, std::string question, strings parameters) {
  std::vector<const char*> values;
  for (const std::string& p : parameters) values.push_back(p.c_str());
  if (!PQsendQueryParams(c, question.c_str(), static_cast<int>(values.size()), nullptr,
                         values.data(), nullptr, nullptr, 0)) {
    throw std::runtime_error(PQerrorMessage(c));
  }
  while (const int left = PQflush(c)) {
    if (left < 0) throw std::runtime_error(PQerrorMessage(c));
    // (The server may be waiting until we have read what it says.)
    const auto both = eddy::interest::read | eddy::interest::write;
    if (has(co_await eddy::ok(eddy::ready(PQsocket(c), both)), eddy::interest::read)) take(c);
  }
  answer last;
  for (;;) {
    while (PQisBusy(c)) {
      co_await eddy::ok(eddy::readable(PQsocket(c)));
      take(c);
    }
    answer next(PQgetResult(c));
    if (!next) break;
    last = std::move(next);
  }
  const auto status = PQresultStatus(last.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(PQresultErrorMessage(last.get()));
  co_return last;
}

/// Connections, opened when they are needed, and no more than so many.
class pool {
 public:
  pool(std::string where, std::size_t most) : where_(std::move(where)), places_(most) {}

  eddy::task<answer> query(std::string question, strings parameters = {}) {
    const auto place = co_await places_.acquire();
    connection c;
    if (idle_.empty()) {
      c = co_await connect(where_);
      ++opened_;
    } else {
      c = std::move(idle_.back());
      idle_.pop_back();
    }
    answer a = co_await ask(c.get(), std::move(question), std::move(parameters));
    idle_.push_back(std::move(c));  // (one that has failed, or was stopped half way, is closed)
    co_return a;
  }
  int opened() const { return opened_; }

 private:
  std::string where_;
  eddy::semaphore places_;
  std::vector<connection> idle_;
  int opened_ = 0;
};

static eddy::task<> use(std::string where) {
  pool p(where, 4);
  co_await p.query("create table teas (name text primary key, minutes int)");

  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    for (int i = 0; i < 100; ++i) {
      group.spawn(&pool::query, &p, "insert into teas values ($1, $2)",
                  strings{"tea " + std::to_string(i), std::to_string(i % 5)});
    }
    co_return;
  });
  const answer sum = co_await p.query("select count(*), sum(minutes) from teas");
  std::printf("%s teas, %s minutes, %d connections\n", PQgetvalue(sum.get(), 0, 0),
              PQgetvalue(sum.get(), 0, 1), p.opened());

  // Four at once: eight slow questions take as long as two.
  const auto before = std::chrono::steady_clock::now();
  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    for (int i = 0; i < 8; ++i) group.spawn(&pool::query, &p, "select pg_sleep(0.2)", strings());
    co_return;
  });
  const auto taken = std::chrono::steady_clock::now() - before;
  std::printf("asked at once: %s\n", taken < 8 * 200ms ? "yes" : "no");

  // One question that takes too long, and one that is none; the pool goes on.
  const auto slow = co_await eddy::with_timeout(100ms, p.query("select pg_sleep(60)"));
  std::printf("too slow: %s\n", slow ? "no" : slow.error().message().c_str());
  try {
    co_await p.query("select tea");
  } catch (const std::runtime_error& e) {
    std::printf("%s", e.what());
  }
  const strings parameters{std::string(10'000'000, 'x')};
  const answer large = co_await p.query("select length($1)", parameters);
  std::printf("%s characters there and counted\n", PQgetvalue(large.get(), 0, 0));
}

int main(int count, char** arguments) try {
  if (count != 2) return 2;
  eddy::run(use, std::string(arguments[1]));
} catch (const std::exception& e) {
  std::fprintf(stderr, "postgres: %s\n", e.what());
  return 1;
}
