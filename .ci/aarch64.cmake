# Cross-compiles for 64-bit ARM on a Debian machine (package g++-aarch64-linux-gnu). LAMELLA_ARM_ROOT is a folder with
# that machine's Python and its headers, which .ci/arm makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LAMELLA_ARM_ROOT)
set(CMAKE_CXX_FLAGS_INIT "-idirafter ${LAMELLA_ARM_ROOT}/usr/include")  # of Python's, some lie in the machine's folder

file(GLOB Python_INCLUDE_DIR ${LAMELLA_ARM_ROOT}/usr/include/python3.*)
string(REGEX MATCH "3\\.[0-9]+$" version "${Python_INCLUDE_DIR}")
set(Python_LIBRARY ${LAMELLA_ARM_ROOT}/usr/lib/aarch64-linux-gnu/libpython${version}.so)
string(REPLACE "." "" version "${version}")
set(PYTHON_MODULE_EXTENSION .cpython-${version}-aarch64-linux-gnu.so)
