// All of eddy. Each noun has its own header; this includes every one of them.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/channel.h>
#include <eddy/coro/deferred.h>
#include <eddy/coro/event.h>
#include <eddy/coro/generator.h>
#include <eddy/coro/latch.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/run.h>
#include <eddy/coro/run_on.h>
#include <eddy/coro/semaphore.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>
#include <eddy/coro/yield.h>

#include <eddy/io/algorithm.h>
#include <eddy/io/any_stream.h>
#include <eddy/io/buffer.h>
#include <eddy/io/buffered_reader.h>
#include <eddy/io/buffered_writer.h>
#include <eddy/io/connect.h>
#include <eddy/io/exit_status.h>
#include <eddy/io/file.h>
#include <eddy/io/file_information.h>
#include <eddy/io/filesystem.h>
#include <eddy/io/frames.h>
#include <eddy/io/halves.h>
#include <eddy/io/memory_stream.h>
#include <eddy/io/pipe.h>
#include <eddy/io/process.h>
#include <eddy/io/process_options.h>
#include <eddy/io/ready.h>
#include <eddy/io/resolve.h>
#include <eddy/io/serve.h>
#include <eddy/io/signals.h>
#include <eddy/io/socket_address.h>
#include <eddy/io/tcp.h>
#include <eddy/io/udp.h>
#include <eddy/io/unix.h>

#include <eddy/runtime/backend_kind.h>
#include <eddy/runtime/callback.h>
#include <eddy/runtime/clock.h>
#include <eddy/runtime/operation.h>
#include <eddy/runtime/result.h>
#include <eddy/runtime/runtime.h>
