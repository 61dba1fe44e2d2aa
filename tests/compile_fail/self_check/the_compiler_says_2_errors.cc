// expect: x
// errors: 1
int x;
int x;
double x;
