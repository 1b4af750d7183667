from irg.cli import main

main()
