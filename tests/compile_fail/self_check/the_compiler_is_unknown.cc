// expect: anything
// only: gcc11
int main() { return nothing; }
