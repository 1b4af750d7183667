"""The sha256 of TIIF's official files, by type: of its prompts, and of the questions about them.

Of A113N-W3I/TIIF-Bench (3aae750).
"""

HASHES: dict[str, tuple[str, str]] = {
    "2d_spatial_relation": (
        "914c82adfd4e58b020b95b3679117d45bfb36c2f74f0a7e18fb9ed7a526d3a20",
        "e0c6404819b5494ca46ec88489a03aaedc0c711246ddf18deff6d497e49c999a",
    ),
    "3d_spatial_relation": (
        "36406c27ebb59d48a1aaff9d4261c1eb333820b16dcca29f8133b6541843423c",
        "33622e15b67613e7f970f2ca2db62f27d5d6c4954dc2d2e55e591204b059bc0c",
    ),
    "action+2d": (
        "134d9c5028fe1ee55461363d72e217c14e9baffb97fbf533c5c03d45c38aa64f",
        "57a9f01ed58e2ccaa3bcb27bf4b3f51732040e70df6d0572f291d867f0e844cd",
    ),
    "action+3d": (
        "9936a540139610b86c81fd5a3658bb66109dbc6a49f07ee536f589d0aed64393",
        "74be1859b88fc9ba5fd4e6b36699d771ffe174f4d37624d30903dd4ace956478",
    ),
    "action+color": (
        "25686b24199e3bb9e950edc89a50a0bd4f9eeaa848f39fd2a2e51d8bb31e3779",
        "39e8e4384b2297bcc8714dd5c7303b3edd466cfb5fa4850500e3a4698b9ca47f",
    ),
    "action+texture": (
        "87e294b48fc21d63aad4d198eb972c5b58e87bb29e4b60aa2f9951bd32274620",
        "a22433c844663bac26bb19b4b00dec36dee041062a0c267d7cab2487f8f386bc",
    ),
    "color+2d": (
        "f44a7f5a3c142d402e03a63a5885395744d88adf327f6c2cb0dacb60e73a7b42",
        "f10e9f5ca357e54770930b57591b5ed6b8df870f6df1db1abd708734cb2f14cc",
    ),
    "color+3d": (
        "e9f486c7b269a71a3585cd6bf6d6193eff16047794722648e0edf83f95a4c472",
        "ceab723cc0eb7703ece67d6b8d925eb4a30071a47640664206d49e62b86cb1a6",
    ),
    "color+texture": (
        "2cb5ebb12b51f73cdf2fb153fadf7b169b175fe2471876bdaaafb4e233bf2ee4",
        "a9ad0cb5e77e6243ab4b67ea6339eb8c9eb343163639164903b13f83f4984aa8",
    ),
    "comparison": (
        "94c20e599993264002e101df81b823b5111dd90fd4b031a08e18487f9bfefeb8",
        "0f625968cb33f824cadf302f9d23587d7aed9e21bec88826848918e3d3696484",
    ),
    "comparison+2d": (
        "de9c614771eac15e746e683966f2bc3b5f56101ad1fd78ca45bf1ab138e437e4",
        "bcb8a3c0c8678fbe9f6cc5b1f50527f528df10ff5ec50658e4bc79704c043b93",
    ),
    "comparison+3d": (
        "0331184ca9db57e68959733097fbb946d20ce8bdcbfab3c49aff7615303f0308",
        "05e97e5c3f62ecee085a94d79eef69208c7c71bbfd135b871fbc559edfd6eda4",
    ),
    "comparison+color": (
        "b4632f2e726551a60a403d0dafd87e67dba5b829d89ff32d7452d31db913a576",
        "1ca1a1798ed159bfa60fa1ce26bb3b78960397e35c4f3446e04ada1f6cef2198",
    ),
    "comparison+texture": (
        "325fa0b01b7e9604d4ba3dc91ecccff3b4c6fe5f7fcca1599741e87369d2e8e8",
        "31e4ba433e2935c6f0344b375f92275ffad41619bcca6c6d00bbc42bf09eb441",
    ),
    "differentiation": (
        "f37685826d24f168fac10e82ac1c0c9055cdc27e391cb8f5af322581563cc9d3",
        "1c11a35fa25be16f57f3025a85eb5e3877848ceea0b72fec40abd8e20313e435",
    ),
    "differentiation+2d": (
        "44e6083b5ca7f6336e53c98c755610fb7063e2b7f6437f2776f5ac53ca787ac3",
        "c4a9a77310675761cb0b1053bc591e4274eb720692d89b51594f9a734d153d39",
    ),
    "differentiation+3d": (
        "d14967f1b4d4e8055711bcfc1b373f90bdd3411f5c286add365f0a57727e754f",
        "bcad608e127fa72aee15ad3580eb8caf89b0be2ff5c818ff0801f9388e5fdf3e",
    ),
    "differentiation+color": (
        "59312a34f08799ffa0735229428513009e095dca6cf034e18a77c8594ae3f9e5",
        "c40951202d5182c7367d12729f2a32dc58238a65875c981c6296ab7049dd2ba6",
    ),
    "differentiation+texture": (
        "5a98e7345d4fe2c19bd9bbdf6b287f43542aa7dca859d31818665f79e5e3df40",
        "c9de8fbaacff5753a77ed59233f6d9718ef95ae2da51d0876cb56f29def9c1f2",
    ),
    "negation": (
        "bde68e2e278138538a13951f06aa6e0dad2530081233d96937ddcf5f98f19a75",
        "0fd93f66f6314118ba79bafebc216fc1f1e5fcaebe33b320257b69179ae49086",
    ),
    "negation+2d": (
        "bb47a6e48c2f4c866b178bbe93b62b3218e74fbe3ac2f398ad504d67922716dd",
        "e30606ce5199d5676da32c2629a958bef6aae7798a9c027ac572acc78078dbdc",
    ),
    "negation+3d": (
        "c2b3528a1d2f3d21646c5cc83c2c53fcadd74ec8dd97cf0e5003cc401e946942",
        "42d84a4ea407a2c062f6c101fe6903561e7ae13e39a77eb7ef6770683f2075d4",
    ),
    "negation+color": (
        "63ee6590bfa79a3fd7b280f799234080fa71cab6daf6d81cd624e37be026dacf",
        "89c1fa90498b5a18d3db5efde72932ad3c45ba268bb4eac57aee12484ef8fba6",
    ),
    "negation+texture": (
        "4a95307274f97e362b0cf13fdf4b4c95f924aa98604cd689d321f8cad4d2f3a0",
        "49d71c35e46adccb5dedfb6830b5eade507f7ae119a92b44514f5410b4838df3",
    ),
    "numeracy": (
        "49676632550f9d217ae5596bd2616c63aea15ed2dcd5cbedc46a221c200d183e",
        "3434717d44bb27340553312d4e8289d57b842a8ff15cd2f2b7eea66dae0068b9",
    ),
    "numeracy+2d": (
        "559afde5bc2e47717c2e274099402ad7eebb9b5d3ece4e19d1bc82fa041f1600",
        "f62bda7317ccf20fe5ee0a94c3f1a88c1e039d996b6d9ce4f01df34bc04d98c6",
    ),
    "numeracy+3d": (
        "38d0eb9563e714743ee36a9079483667e367a82a2f5b2a5b967ef2690f2c6d4d",
        "15637a019e41a1ab679b14865e0818dde53fc2d6e53bb36a37147a37a256c54e",
    ),
    "numeracy+color": (
        "1999f495b6f808db0e43f15fb6c01cb4f2228ef7647be2bddd76245bbfae91a2",
        "dec5f51bb334632b32e9747bd5df887e22b1a006d197904bbfdb70e773a9bce9",
    ),
    "numeracy+texture": (
        "c18908845b9f778c20d46482a1c5f630300f763c930322275769ffd31ef45797",
        "6dffbc9f3305829c5db770cefe61e31642361e8d84a4ee6d89c2cff2f1bb6c73",
    ),
    "real_world": (
        "b5e450f7bf67bcd81894ade8ce7a989fa4654771f08e24f469686533bddfb02f",
        "575d2b0495285878e63e8198d15f8a50ef084aba38d5cdb21fecb023a9a738d3",
    ),
    "shape+2d": (
        "52d85267d60cf2abb1dadfffb920a00da6e82a1bf16e75997eb20d743c283a0b",
        "abbaa2baaa992519c508de0ad24424f95f0598fc37d4295cf9f4fe1f72415b2f",
    ),
    "shape+3d": (
        "61d1309db12c8e4f93a988689a050eb948fa24d008f5f96f0158f47fc81a84eb",
        "da6d6bfd9754d503cd5ec582b84e227898ca3181de660f3d34c51919714e88c6",
    ),
    "shape+color": (
        "44e8c5201718d1ebf7ca3ff4e5d5c09d962a80bf7f8e5e7105bc0f37ecd35be9",
        "1fcb2738b82b4afc36f36928a2508c1d6515dbd79fdca6c5a9b720eaebbc44df",
    ),
    "shape+texture": (
        "0c4e3e2279db7dad94569f1e45016f8394c5e7a8f353914e9602ef9123471b96",
        "d01bb4b10b86db4d8bb73c799cdfad040b4262064ade7b51b5922d0a6d2486b5",
    ),
    "style": (
        "88bb7685f761ceedb17e25cf8dd5d3e5a2e168967aa76d4d0022691e2306b2f1",
        "5998a5329f3df408aaea3a5f631b016c36f21ff060555e6fda747886a1c965f0",
    ),
    "text": (
        "6b83ca9879653faacfbc4f456aacc9222b603d35745ffbefeaf942a0a3a396d8",
        "1cd4e38e59f5a960dbab36e86774803e166b9171519c6e7cf16ac30f276887ae",
    ),
    "texture+2d": (
        "7be8f543bad7f6097ed9c79494a778fb6e37d2c647b09a4e9d03446e58156ab7",
        "88ad12c4733c96e5b36638accefcaca2bc235698c02b3c54d3cc9db647f566ff",
    ),
    "texture+3d": (
        "abf02d1a3e5ba1ded6c5ed6d8025dac2f786892f042667068283c9c43c26b50d",
        "5e98f3f0263d374d6f9f12352b1ff590b107453f0856183fefd97437db0e83f9",
    ),
    "texture+color": (
        "a323aa399fa2a0752e983948a2529aeb142f26a5c00a507e766297c003a6ce22",
        "5e9804c7cd980ad79d7ede8206884b2b04afd7da670415c7a9d10ee867a8075b",
    ),
}
