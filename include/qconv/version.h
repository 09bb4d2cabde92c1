// Version of the library, as in CMakeLists.txt (which reads it from here).
#pragma once

#define QCONV_VERSION "0.1.0"
