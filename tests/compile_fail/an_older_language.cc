// expect: eddy needs C++20: compile with -std=c++20
// language: c++17
#include <eddy/coro/task.h>

int main() {}
