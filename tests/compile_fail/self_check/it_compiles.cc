// expect: discarded
// A correct program: the harness must complain that it compiles.
int main() { return 0; }
