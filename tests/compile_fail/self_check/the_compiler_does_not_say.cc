// expect: a text that no compiler says
// Does not compile, for another reason than the one expected.
int main() { return undeclared_name; }
