<#
.SYNOPSIS
Installs the svmsave driver from the folder of this script, starts it and shows its status.

.DESCRIPTION
Run it as Administrator. It looks for what would keep the driver from loading, says how to mend it
and changes nothing until it is mended. Then it trusts the package's certificate, adds the package
to the driver store and starts the service. uninstall.ps1 undoes each of these steps.

.PARAMETER EnableTestSigning
Turns on test signing, which a package with a test certificate needs, and ends: Windows takes it up
when it restarts. uninstall.ps1 turns it off again.
#>
[CmdletBinding()]
param(
    [switch] $EnableTestSigning
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$Service = 'svmsave'
$StateKey = 'HKLM:\SOFTWARE\svmsave'
$PackageFiles = 'svmsave.inf', 'svmsave.sys', 'svmsave.cat', 'svmsave.cer', 'client.exe'
# The first build of Windows with every routine that the driver imports: Windows 10, version 2004.
$OldestBuild = 19041

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

function Get-RegistryValue {
    param([string] $Path, [string] $Name)
    $key = Get-ItemProperty -Path $Path -Name $Name -ErrorAction SilentlyContinue
    if ($key) { $key.$Name }
}

function Test-TestSigning {
    $options = Get-RegistryValue -Path 'HKLM:\SYSTEM\CurrentControlSet\Control' -Name 'SystemStartOptions'
    "$options" -match '\bTESTSIGNING\b'
}

function Test-SecureBoot {
    $state = 'HKLM:\SYSTEM\CurrentControlSet\Control\SecureBoot\State'
    (Get-RegistryValue -Path $state -Name 'UEFISecureBootEnabled') -eq 1
}

function Get-PackageCertificate {
    $file = Join-Path -Path $PSScriptRoot -ChildPath 'svmsave.cer'
    New-Object -TypeName Security.Cryptography.X509Certificates.X509Certificate2 -ArgumentList $file
}

# A certificate that vouches for itself is one for tests.
function Test-TestCertificate {
    $certificate = Get-PackageCertificate
    $certificate.Subject -eq $certificate.Issuer
}

# What keeps the driver from being installed or loaded, one text for each problem.
function Get-Problem {
    $missing = $PackageFiles | Where-Object -FilterScript {
        -not (Test-Path -LiteralPath (Join-Path -Path $PSScriptRoot -ChildPath $_))
    }
    if ($missing) {
        "The package has no $($missing -join ', '): take all of its files along."
        return
    }
    $build = [Environment]::OSVersion.Version.Build
    if ($build -lt $OldestBuild) {
        "Windows has build $build, and the driver needs $OldestBuild (Windows 10, version 2004) or later: update Windows."
    }
    if ($env:PROCESSOR_ARCHITECTURE -ne 'AMD64') {
        "This is PowerShell for $env:PROCESSOR_ARCHITECTURE, and the driver is for x64: use the 64-bit PowerShell of an x64 Windows."
    }
    if (Test-TestCertificate) {
        if (Test-SecureBoot) {
            'Secure Boot is on, and Windows then loads no driver with a test certificate: turn Secure Boot off in the firmware''s setup.'
        }
        if (-not (Test-TestSigning)) {
            'Test signing is off: run this with -EnableTestSigning, then restart.'
        }
    }
}

# What lets the driver load but may keep it from executing VMSAVE.
function Get-Doubt {
    $processor = Get-CimInstance -ClassName Win32_Processor | Select-Object -First 1
    $computer = Get-CimInstance -ClassName Win32_ComputerSystem
    if ($processor.Manufacturer -notin 'AuthenticAMD', 'HygonGenuine') {
        "The processor is $($processor.Manufacturer)'s: only those of AMD and Hygon have VMSAVE."
    }
    elseif (-not $computer.HypervisorPresent -and -not $processor.VirtualizationFirmwareEnabled) {
        'SVM (AMD-V) is off: switch it on in the firmware''s setup.'
    }
    $guard = Get-CimInstance -Namespace 'root\Microsoft\Windows\DeviceGuard' -ClassName Win32_DeviceGuard -ErrorAction SilentlyContinue
    if ($guard -and $guard.VirtualizationBasedSecurityStatus -eq 2) {
        $services = if ($guard.SecurityServicesRunning -contains 2) { ' with memory integrity' } else { '' }
        "Virtualization-based security$services is running, and its hypervisor hides SVM: turn off Memory integrity (Windows Security > Device security > Core isolation), run 'bcdedit /set hypervisorlaunchtype off', then restart."
    }
    elseif ($computer.HypervisorPresent) {
        'A hypervisor is running: it has to let SVM through (nested virtualization).'
    }
}

# Runs a program of Windows; any exit code but those given ends the script.
function Invoke-Program {
    param([string] $Program, [string[]] $Arguments, [int[]] $Accept = @(0))
    Write-Host "> $Program $Arguments"
    & $Program @Arguments | Out-Host
    if ($LASTEXITCODE -notin $Accept) {
        throw "$Program ended with $LASTEXITCODE."
    }
}

function Enable-TestSigning {
    if (Test-SecureBoot) {
        throw 'Secure Boot is on: turn it off in the firmware''s setup first.'
    }
    if (Test-TestSigning) {
        Write-Host 'Test signing is on already.'
        return
    }
    Invoke-Program -Program 'bcdedit.exe' -Arguments '/set', 'testsigning', 'on'
    # For uninstall.ps1, which leaves test signing on where it was on before.
    $null = New-Item -Path $StateKey -Force
    $null = New-ItemProperty -Path $StateKey -Name 'TestSigning' -Value 1 -Force
    Write-Host 'Test signing will be on after a restart. Then run this again, without -EnableTestSigning.'
}

function Install-Certificate {
    if (-not (Test-TestCertificate)) { return }
    $file = Join-Path -Path $PSScriptRoot -ChildPath 'svmsave.cer'
    foreach ($store in 'Root', 'TrustedPublisher') {
        Invoke-Program -Program 'certutil.exe' -Arguments '-f', '-addstore', $store, $file
    }
}

function Install-Package {
    $inf = Join-Path -Path $PSScriptRoot -ChildPath 'svmsave.inf'
    # Done, no device to install it on, and done once Windows restarts: the service says which.
    Invoke-Program -Program 'pnputil.exe' -Arguments '/add-driver', $inf, '/install' -Accept 0, 259, 3010, 1641
    if (-not (Get-Service -Name $Service -ErrorAction SilentlyContinue)) {
        throw 'The package is in the driver store, but there is no service: see C:\Windows\INF\setupapi.dev.log.'
    }
}

function Start-Driver {
    # Started, and running already.
    Invoke-Program -Program 'sc.exe' -Arguments 'start', $Service -Accept 0, 1056
    $status = (Get-Service -Name $Service).Status
    if ($status -ne 'Running') {
        throw "The service is $status. docs/windows.md says what each message of sc.exe means."
    }
}

if (-not (Test-Administrator)) {
    throw 'This is not elevated: start PowerShell with "Run as administrator".'
}
if ($EnableTestSigning) {
    Enable-TestSigning
    return
}
$problems = @(Get-Problem)
if ($problems) {
    $problems | ForEach-Object -Process { Write-Warning -Message $_ }
    throw "Nothing was changed: $($problems.Count) problem(s) to mend first."
}
Get-Doubt | ForEach-Object -Process { Write-Warning -Message $_ }
Install-Certificate
Install-Package
Start-Driver
Write-Host 'The driver is running. uninstall.ps1 removes it. Its status:'
& (Join-Path -Path $PSScriptRoot -ChildPath 'client.exe') status | Out-Host
