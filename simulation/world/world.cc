// The world's time.
#include "simulation/world/world.h"
