// Addresses: what parse() takes and refuses, what is printed, what is equal.
#include <eddy/io/socket_address.h>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>

namespace eddy {
namespace {

using namespace std::string_view_literals;

static_assert(std::is_trivially_copyable_v<socket_address> &&
              std::is_trivially_destructible_v<socket_address>);
static_assert(sizeof(socket_address) <= 128);

TEST(SocketAddressTest, ReadsAndPrintsBothFamilies) {
  for (const char* text :
       {"1.2.3.4:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0", "[fe80::1%2]:443",
        "[2001:db8::8:800:200c:417a]:1", "[::ffff:1.2.3.4]:9"}) {
    const result<socket_address> address = socket_address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(socket_address::parse("1.2.3.4:80")->family(), AF_INET);
  EXPECT_EQ(socket_address::parse("1.2.3.4:80")->port(), 80);
  EXPECT_EQ(socket_address::parse("[::1]:443")->family(), AF_INET6);
  EXPECT_EQ(socket_address::parse("[::1]:443")->port(), 443);
  EXPECT_EQ(socket_address::parse("[0:0:0:0:0:0:0:1]:80")->to_string(), "[::1]:80");
}

TEST(SocketAddressTest, ReadsTheNameOfAnInterface) {
  const auto address = socket_address::parse("[fe80::1%lo]:80");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "[fe80::1%1]:80");
}

TEST(SocketAddressTest, GivesItsParts) {
  EXPECT_EQ(socket_address::parse("1.2.3.4:80")->ip(), "1.2.3.4");
  EXPECT_EQ(socket_address::parse("[fe80::1%2]:80")->ip(), "fe80::1%2");
  EXPECT_EQ(socket_address::loopback_v6(80).to_string(), "[::1]:80");
  EXPECT_EQ(socket_address::any_v6(80).to_string(), "[::]:80");
  EXPECT_EQ(socket_address::from_path("/a/b")->path(), "/a/b");
  EXPECT_EQ(socket_address::from_path("/a/b")->ip(), "");
  EXPECT_EQ(socket_address::from_path(std::string_view("\0name", 5))->path(),
            std::string("\0name", 5));
  EXPECT_EQ(socket_address().path(), "");
}

TEST(SocketAddressTest, RefusesEverythingElse) {
  for (const std::string_view text :
       {""sv,
        ":"sv,
        ":80"sv,
        "1.2.3.4"sv,
        "1.2.3.4:"sv,
        "1.2.3.4:65536"sv,
        "1.2.3.4:99999999999"sv,
        "1.2.3.4:-1"sv,
        "1.2.3.4:+80"sv,
        "1.2.3.4:080"sv,
        "1.2.3.4: 80"sv,
        " 1.2.3.4:80"sv,
        "1.2.3.4:80 "sv,
        "1.2.3.4:8x"sv,
        "1.2.3:80"sv,
        "1.2.3.4.5:80"sv,
        "256.2.3.4:80"sv,
        "01.2.3.4:80"sv,
        "localhost:80"sv,
        "[::1]"sv,
        "[::1]:"sv,
        "::1:80"sv,
        "[::1:80"sv,
        "::1]:80"sv,
        "[]:80"sv,
        "[1.2.3.4]:80"sv,
        "[::1]80"sv,
        "[:::1]:80"sv,
        "[fe80::1%]:80"sv,
        "[fe80::1%0]:80"sv,
        "[fe80::1%no such]:80"sv,
        "[fe80::1%4294967296]:80"sv,
        "[%2]:80"sv,
        "1.2.3.4\0:80"sv,
        "[::1\0]:80"sv,
        "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:1"sv}) {
    const result<socket_address> address = socket_address::parse(text);
    EXPECT_FALSE(address) << text;
    EXPECT_EQ(address.error(), std::errc::invalid_argument) << text;
  }
}

TEST(SocketAddressTest, NamesThisMachine) {
  EXPECT_EQ(socket_address::loopback(8080).to_string(), "127.0.0.1:8080");
  EXPECT_EQ(socket_address::any(0).to_string(), "0.0.0.0:0");
  EXPECT_EQ(socket_address::loopback(8080), *socket_address::parse("127.0.0.1:8080"));
}

TEST(SocketAddressTest, HoldsAUnixPath) {
  const socket_address path = *socket_address::unix_path("/tmp/socket");
  EXPECT_EQ(path.family(), AF_UNIX);
  EXPECT_EQ(path.to_string(), "/tmp/socket");
  EXPECT_EQ(path.port(), 0);
  EXPECT_EQ(path.size(), offsetof(sockaddr_un, sun_path) + 12);

  const socket_address name = *socket_address::unix_path("\0name"sv);
  EXPECT_EQ(name.to_string(), "@name");
  EXPECT_EQ(name.size(), offsetof(sockaddr_un, sun_path) + 5);
  EXPECT_NE(name, *socket_address::unix_path("@name"));
  EXPECT_NE(name, *socket_address::unix_path("\0name\0"sv));
}

TEST(SocketAddressTest, LimitsTheLengthOfAUnixPath) {
  EXPECT_TRUE(socket_address::unix_path(std::string(107, 'p')));
  EXPECT_EQ(socket_address::unix_path(std::string(107, 'p'))->to_string(), std::string(107, 'p'));
  EXPECT_EQ(socket_address::unix_path(std::string(108, 'p')).error(), std::errc::filename_too_long);
  EXPECT_TRUE(socket_address::unix_path('\0' + std::string(107, 'n')));
  EXPECT_EQ(socket_address::unix_path('\0' + std::string(108, 'n')).error(),
            std::errc::filename_too_long);
  EXPECT_EQ(socket_address::unix_path("").error(), std::errc::invalid_argument);
  EXPECT_EQ(socket_address::unix_path("a\0b"sv).error(), std::errc::invalid_argument);
}

TEST(SocketAddressTest, IsNoAddressByDefault) {
  const socket_address none;
  EXPECT_EQ(none.family(), AF_UNSPEC);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.port(), 0);
  EXPECT_EQ(none.to_string(), "");
  EXPECT_EQ(none, socket_address());
  EXPECT_NE(none, socket_address::any(0));
}

TEST(SocketAddressTest, ComparesWhatTheKernelGivesBack) {
  for (const socket_address& asked :
       {socket_address::loopback(0), *socket_address::parse("[::1]:0"),
        *socket_address::unix_path("\0eddy.socket_address_test"sv)}) {
    const int descriptor = ::socket(asked.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 && errno == EAFNOSUPPORT && asked.family() == AF_INET6) continue;
    ASSERT_GE(descriptor, 0);
    const int bound = ::bind(descriptor, static_cast<const sockaddr*>(asked.data()), asked.size());
    const bool no_v6 = bound < 0 && asked.family() == AF_INET6 && errno == EADDRNOTAVAIL;
    if (no_v6) {
      ::close(descriptor);
      continue;
    }
    ASSERT_EQ(bound, 0) << asked.to_string();
    std::array<std::byte, 128> bytes{};
    socklen_t size = bytes.size();
    ASSERT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(bytes.data()), &size), 0);
    ::close(descriptor);
    const result<socket_address> given = socket_address::from_native(bytes.data(), size);
    ASSERT_TRUE(given);
    if (asked.family() == AF_UNIX) {
      EXPECT_EQ(*given, asked);
    } else {
      EXPECT_NE(given->port(), 0);
      EXPECT_EQ(*given, *socket_address::parse(given->to_string()));
      EXPECT_NE(*given, asked);
    }
  }
}

TEST(SocketAddressTest, TakesASystemAddressOfItsFamilysSizeOnly) {
  sockaddr_in native{};
  native.sin_family = AF_INET;
  EXPECT_TRUE(socket_address::from_native(&native, sizeof(native)));
  EXPECT_EQ(socket_address::from_native(&native, sizeof(native) - 1).error(),
            std::errc::invalid_argument);
  EXPECT_EQ(socket_address::from_native(&native, 1).error(), std::errc::invalid_argument);
  native.sin_family = AF_PACKET;
  EXPECT_EQ(socket_address::from_native(&native, sizeof(native)).error(),
            std::errc::address_family_not_supported);

  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  EXPECT_EQ(socket_address::from_native(&unnamed, sizeof(sa_family_t))->to_string(), "");
  // A path without room for a terminator, as the kernel reports it.
  std::array<char, sizeof(sockaddr_un) + 1> full{};
  std::memcpy(full.data(), &unnamed, sizeof(sa_family_t));
  std::memset(full.data() + sizeof(sa_family_t), 'p', sizeof(sockaddr_un::sun_path));
  EXPECT_EQ(socket_address::from_native(full.data(), full.size())->to_string(),
            std::string(108, 'p'));
  EXPECT_EQ(socket_address::from_native(full.data(), full.size() + 1).error(),
            std::errc::invalid_argument);
}

TEST(SocketAddressTest, ReadsWhatItPrints) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    socket_address address;
    if (random() % 2) {
      sockaddr_in native{};
      native.sin_family = AF_INET;
      native.sin_port = static_cast<std::uint16_t>(random());
      native.sin_addr.s_addr = static_cast<std::uint32_t>(random());
      address = *socket_address::from_native(&native, sizeof(native));
    } else {
      sockaddr_in6 native{};
      native.sin6_family = AF_INET6;
      native.sin6_port = static_cast<std::uint16_t>(random());
      for (std::uint8_t& byte : native.sin6_addr.s6_addr) {
        // Runs of zeros: the shortened forms.
        byte = static_cast<std::uint8_t>(random() % 3 ? 0 : random());
      }
      if (random() % 2) native.sin6_scope_id = static_cast<std::uint32_t>(random());
      address = *socket_address::from_native(&native, sizeof(native));
    }
    const std::string text = address.to_string();
    const result<socket_address> read = socket_address::parse(text);
    ASSERT_TRUE(read) << text;
    ASSERT_EQ(*read, address) << text;
    ASSERT_EQ(read->to_string(), text);
  }
}

}  // namespace
}  // namespace eddy
