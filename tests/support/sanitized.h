// EDDY_SANITIZED and test::sanitized: the program is built with AddressSanitizer or ThreadSanitizer, which have an
// allocator (and the latter a thread) of their own.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EDDY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EDDY_SANITIZED 1
#endif
#endif

namespace eddy::test {

#ifdef EDDY_SANITIZED
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace eddy::test
