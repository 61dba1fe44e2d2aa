// Says nothing of what is expected.
int main() { return undeclared_name; }
