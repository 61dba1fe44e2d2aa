// All of eddy. Each noun has its own header; this includes every one of them.
#pragma once

#include <eddy/coro/run.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>

#include <eddy/io/buffer.h>
#include <eddy/io/socket_address.h>

#include <eddy/runtime/backend_kind.h>
#include <eddy/runtime/callback.h>
#include <eddy/runtime/clock.h>
#include <eddy/runtime/operation.h>
#include <eddy/runtime/result.h>
#include <eddy/runtime/runtime.h>
